// The npm package `oidc-provider`, which asks for PKCE, with two clients; it writes a line once it listens.
// Arguments: the folder that holds node_modules/oidc-provider, the port, where the first client's people come back to.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, back] = process.argv.slice(2);
const found = createRequire(pathToFileURL(`${folder}/`)).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));
const client = (client_id) => ({
  client_id,
  client_secret: "a secret of the client",
  redirect_uris: [back],
  grant_types: ["authorization_code"],
  response_types: ["code"],
});
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client("tunedesk-client"), client("another-client")],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username", "roles"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["a key of the test"] },
  findAccount: async (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, roles: ["Root"] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listens"));
