"""The tables of sign-ins through an identity provider."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.server.persistence.models import Base


class ExternalIdentity(Base):
    """A person as a provider knows them: `subject` never changes, an e-mail address may (OIDC Core §5.7)."""

    __tablename__ = "external_identities"
    __table_args__ = (
        Index("uq_external_identities_issuer_subject", "issuer", "subject", unique=True),
        Index("uq_external_identities_user_id_issuer", "user_id", "issuer", unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class PendingSignIn(Base):
    """A browser that was sent to the provider and has not come back yet.

    `key` is a hash of its state and its cookie, so that only that browser finds the row. Nonce and verifier
    are worked out from the cookie and are not here.
    """

    __tablename__ = "pending_sign_ins"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[str]
    address: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
