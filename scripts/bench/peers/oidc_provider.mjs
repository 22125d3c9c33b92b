// npm oidc-provider on loopback: one public client with PKCE, one person, in memory, who is signed in and
// agrees at once. Prints its port.
import Provider from "oidc-provider";

const client = {
  client_id: "bench",
  redirect_uris: ["http://127.0.0.1:8765/callback"],
  token_endpoint_auth_method: "none",
  application_type: "native",
  grant_types: ["authorization_code"],
  response_types: ["code"],
};
const grants = new Map();

async function loadExistingGrant(ctx) {
  const { provider, client: asking, session } = ctx.oidc;
  const key = `${asking.clientId} ${session.accountId}`;
  if (!grants.has(key)) {
    const grant = new provider.Grant({ clientId: asking.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile");
    grants.set(key, await grant.save());
  }
  return provider.Grant.find(grants.get(key));
}

const provider = new Provider("http://127.0.0.1", {
  clients: [client],
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  scopes: ["openid", "profile"],
  claims: { openid: ["sub"], profile: ["name"] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: "Sample" }) }),
  loadExistingGrant,
  cookies: { keys: ["cookie-key-not-real"] },
});
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  // A native client is asked about each time (RFC 8252 section 8.6), as the account server does.
  const result = { login: { accountId: "nora" }, consent: {} };
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
  ctx.respond = false;
});
const server = provider.listen(0, "127.0.0.1", () => console.log(server.address().port));
