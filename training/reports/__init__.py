"""Model cards, reports and pages."""
