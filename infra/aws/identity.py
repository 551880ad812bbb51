"""Who may sign in: a Cognito user pool with optional Entra ID and Google, or any other OIDC issuer."""

from typing import Any

from aws_cdk import ArnFormat, Aws, Duration, SecretValue, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.aws.data import removal
from infra.aws.stages import Stage
from shared.domain.ids import hash_id
from shared.usecases.shape_token import SCOPE

TRIGGER = "shape_token"  # the function that names the tenant of a token
TOKEN_LIFE = Duration.minutes(15)  # S7
SMOKE_ROLES = ("agent", "evaluator", "admin")
SMOKE_TENANT = hash_id("ten", "smoke")  # whose bid a release is tried on


class Identity(Construct):
    """`issuer`, `audience` (one or more, by spaces), `audiences` and `jwks_url` of accepted tokens.

    With Cognito also `pool`, `token_url` and `machines` (role -> client of the smoke tenant); else `pool` is None."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, prefix: str) -> None:
        super().__init__(scope, id)
        self.pool: Any = None
        self.machines: dict[str, Any] = {}
        self.token_url = ""
        if stage.oidc_issuer:
            self.issuer, self.audiences = stage.oidc_issuer, stage.oidc_audience.split()
            self.jwks_url = f"{stage.oidc_issuer.rstrip('/')}/.well-known/jwks.json"
        else:
            self._cognito(stage, prefix)
        self.audience = " ".join(self.audiences)

    def _cognito(self, stage: Stage, prefix: str) -> None:
        self.pool = self._pool(stage, prefix)
        self.pool.node.default_child.add_property_override(
            "LambdaConfig.PreTokenGenerationConfig",
            {"LambdaArn": self._trigger_arn(prefix), "LambdaVersion": "V3_0"},  # people and machines
        )
        name = f"{prefix}{Aws.ACCOUNT_ID}"
        self.pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=name))
        self.token_url = f"https://{name}.auth.{stage.region}.amazoncognito.com/oauth2/token"
        self.machines = self._machines()
        clients = [self._console(stage), *self.machines.values()]
        self.issuer = self.pool.user_pool_provider_url
        self.audiences = [client.user_pool_client_id for client in clients]
        self.jwks_url = f"{self.issuer}/.well-known/jwks.json"

    def _trigger_arn(self, prefix: str) -> str:
        """By name: the function is made after the pool, because it is deployed with every release."""
        arn: str = Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=f"{prefix}{TRIGGER}:live",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return arn

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
                min_length=14,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=Duration.days(3),
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            # set by an administrator when an account is made; no client may write it, so nobody picks a tenant
            custom_attributes={"tenant_id": cognito.StringAttribute(mutable=False)},
            deletion_protection=stage.deletion_protection,
            removal_policy=removal(stage),
        )

    def _console(self, stage: Stage) -> Any:
        """The page that people work in: code flow with PKCE where the stage names its address, else passwords only."""
        back = [f"{stage.console_origin}/auth/callback"] if stage.console_origin else []
        flow = cognito.OAuthSettings(
            flows=cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, cognito.OAuthScope.PROFILE],
            callback_urls=back,  # exact (S9)
            logout_urls=[f"{stage.console_origin}/"] if back else [],
        )
        return self.pool.add_client(
            "Console",
            auth_flows=cognito.AuthFlow(user_srp=True),
            disable_o_auth=not back,
            o_auth=flow if back else None,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=TOKEN_LIFE,
            id_token_validity=TOKEN_LIFE,
            refresh_token_validity=Duration.hours(12),
            refresh_token_rotation_grace_period=Duration.seconds(0),  # each refresh token once (S9)
            write_attributes=cognito.ClientAttributes().with_standard_attributes(
                email=True, fullname=True, locale=True, timezone=True
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO, *self._federated(stage)],
        )

    def _machines(self) -> dict[str, Any]:
        """Clients of the smoke tenant: the scope is the right to it, and shape_token makes the claim of it."""
        scope = cognito.ResourceServerScope(scope_name=SMOKE_TENANT, scope_description="the smoke tenant")
        server = self.pool.add_resource_server("Tenants", identifier=SCOPE.rstrip("/"), scopes=[scope])
        may = cognito.OAuthSettings(
            flows=cognito.OAuthFlows(client_credentials=True),
            scopes=[cognito.OAuthScope.resource_server(server, scope)],
        )
        return {
            role: self.pool.add_client(
                f"Smoke{role.title()}",
                generate_secret=True,
                o_auth=may,
                access_token_validity=TOKEN_LIFE,
                enable_token_revocation=True,
                prevent_user_existence_errors=True,
            )
            for role in SMOKE_ROLES
        }

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
