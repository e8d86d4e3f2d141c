"""The provider's commands: requests for authorization, and claims."""
