"""What an auditor asks for: everything that was changed or decided in a time, from an index of the chain."""

from careledger.audit.report import SECTIONS, AuditReport, Decisions, Entry, audit_report

__all__ = ["SECTIONS", "AuditReport", "Decisions", "Entry", "audit_report"]
