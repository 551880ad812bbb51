"""Who may sign in: a Cognito user pool with optional Entra ID and Google, or any other OIDC issuer."""

from typing import Any

from aws_cdk import Duration, SecretValue
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.aws.data import removal
from infra.aws.stages import Stage


class Identity(Construct):
    """`issuer`, `audience` and `jwks_url` of accepted tokens; `pool` is None with another issuer."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, prefix: str) -> None:
        super().__init__(scope, id)
        self.pool: Any = None
        if stage.oidc_issuer:
            self.issuer, self.audience = stage.oidc_issuer, stage.oidc_audience
            self.jwks_url = f"{stage.oidc_issuer.rstrip('/')}/.well-known/jwks.json"
            return
        self.pool = self._pool(stage, prefix)
        client = self.pool.add_client(
            "Console",
            auth_flows=cognito.AuthFlow(user_srp=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=Duration.minutes(60),
            id_token_validity=Duration.minutes(60),
            refresh_token_validity=Duration.hours(12),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO, *self._federated(stage)],
        )
        self.issuer = self.pool.user_pool_provider_url
        self.audience = client.user_pool_client_id
        self.jwks_url = f"{self.issuer}/.well-known/jwks.json"

    def _pool(self, stage: Stage, prefix: str) -> Any:
        return cognito.UserPool(
            self,
            "Pool",
            user_pool_name=prefix.rstrip("-"),
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(sms=False, otp=True),
            password_policy=cognito.PasswordPolicy(
                min_length=14, require_digits=True, require_lowercase=True, require_uppercase=True, require_symbols=True
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            custom_attributes={"tenant_id": cognito.StringAttribute(mutable=False)},
            deletion_protection=stage.deletion_protection,
            removal_policy=removal(stage),
        )

    def _federated(self, stage: Stage) -> list[Any]:
        """Providers whose client id and secret stand in Secrets Manager under `bidproof/<stage>/<provider>`."""
        found = []
        emails = cognito.AttributeMapping(email=cognito.ProviderAttribute.other("email"))
        if stage.entra_tenant:
            cognito.UserPoolIdentityProviderOidc(
                self,
                "EntraId",
                name="EntraId",
                user_pool=self.pool,
                client_id=_secret(stage, "entra", "client_id").unsafe_unwrap(),
                client_secret=_secret(stage, "entra", "client_secret").unsafe_unwrap(),
                issuer_url=f"https://login.microsoftonline.com/{stage.entra_tenant}/v2.0",
                scopes=["openid", "email", "profile"],
                attribute_mapping=emails,
            )
            found.append(cognito.UserPoolClientIdentityProvider.custom("EntraId"))
        if stage.google_login:
            cognito.UserPoolIdentityProviderGoogle(
                self,
                "Google",
                user_pool=self.pool,
                client_id=_secret(stage, "google", "client_id").unsafe_unwrap(),
                client_secret_value=_secret(stage, "google", "client_secret"),
                scopes=["openid", "email", "profile"],
                attribute_mapping=emails,
            )
            found.append(cognito.UserPoolClientIdentityProvider.GOOGLE)
        return found


def _secret(stage: Stage, provider: str, field: str) -> Any:
    """A reference that CloudFormation resolves; the value is never in a template."""
    return SecretValue.secrets_manager(f"bidproof/{stage.name}/{provider}", json_field=field)
