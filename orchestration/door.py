"""`python -m orchestration.door`: what others reach, pushes to the inbox and approval links."""

from connectors.inbox.__main__ import main
from orchestration.decisions.approvals.pages import approval_routes

if __name__ == "__main__":
    main(approval_routes)
