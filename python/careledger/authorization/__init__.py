"""Prior authorization: may this service be given, under which rule, and what is owed for it?"""
