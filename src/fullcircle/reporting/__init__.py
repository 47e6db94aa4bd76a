"""Model card, dashboard, figures and notebook: pure functions from reports to pages."""
