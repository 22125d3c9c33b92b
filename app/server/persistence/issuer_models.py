"""The table of trusted issuers."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.server.persistence.models import Base


class TrustedIssuer(Base):
    """An organization trusts jobs of one CI system whose claims fit every pattern in `claims`.

    `url` is the issuer exactly as its tokens name it. `project_id` limits what a job stands for.
    `allow_private` lets this server ask an issuer in a private network for its keys.
    """

    __tablename__ = "trusted_issuers"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(500), index=True)
    audience: Mapped[str] = mapped_column(String(255))
    claims: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    allow_private: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
