"""A person's sign-in by device code, as pages show it. Tokens stay in memory: a restart asks again."""

from app.backends.azure_foundry.settings import SignIn as Way
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.domain.backend import Unsupported
from app.domain.sign_in import SignIn, SignInStatus, SignsIn


class AzureSignIn(SignsIn):
    """Lets a person sign in, where the connection is set to device code."""

    azure: Azure

    def sign_in(self) -> SignIn | None:
        """Return where it stands; None for the ways that need nobody."""
        if self.azure.settings.credential is not Way.DEVICE_CODE:
            return None
        sign_in_session = self.azure.sign_in_session
        pending = sign_in_session.pending
        if pending is not None:
            address, code, expires_at = pending
            return SignIn(status=SignInStatus.WAITING, address=address, code=code, expires_at=expires_at)
        if sign_in_session.who:
            return SignIn(status=SignInStatus.SIGNED_IN, who=sign_in_session.who)
        if sign_in_session.issue:
            return SignIn(status=SignInStatus.FAILED, message=f"The last sign-in failed: {sign_in_session.issue}")
        return SignIn(status=SignInStatus.NEEDED, message="Nobody is signed in for this connection.")

    @translates_errors
    def begin_sign_in(self) -> SignIn:
        """Ask for a code.

        Raises:
            Unsupported: where the connection signs in by itself.
        """
        if self.azure.settings.credential is Way.DEVICE_CODE:
            self.azure.begin_sign_in()
        found = self.sign_in()
        if found is None:
            raise Unsupported("This connection signs in by itself.", fix="Run its checks to see whether it can.")
        return found
