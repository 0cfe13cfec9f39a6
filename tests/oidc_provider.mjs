// A provider of OpenID Connect on loopback, with its own pages for development.
// node oidc_provider.mjs PORT CALLBACK PEOPLE, where PEOPLE is JSON: {"alice": {"email": …, "groups": […]}}
import Provider from "oidc-provider";

const [port, callback, file] = process.argv.slice(2);
const people = async () => JSON.parse((await import("node:fs")).readFileSync(file, "utf8"));
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "tformance",
      client_secret: "a-secret-of-the-tests",
      redirect_uris: [callback],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  claims: {
    email: ["email", "email_verified"],
    openid: ["sub"],
    profile: ["name", "preferred_username", "groups"],
  },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email_verified: true, ...(await people())[id] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
