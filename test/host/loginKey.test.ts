import { describe, expect, test } from "vitest";
import { addKey, retireKey } from "../../components/vxlan/loginKey.ts";
import { host, useHostForAllTests } from "./overlay.ts";

useHostForAllTests();

/** The script that replaces a login key, with users and files of a host. Each test has a user of its own. */
const OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOLD";
const NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINEW";
const KEYS = { oldKey: OLD, newKey: NEW };

const addUser = (user: string, text: string) =>
  host.on(`useradd --create-home ${user}; install -d -m 700 -o ${user} -g ${user} /home/${user}/.ssh
    printf '${text}' >/home/${user}/.ssh/authorized_keys; chown ${user}:${user} /home/${user}/.ssh/authorized_keys`);
const readHostFile = (path: string) => host.on(`cat ${path}`);

/** Runs the script as sudo would for this user. */
async function run(user: string, { command, input }: ReturnType<typeof addKey>): Promise<string> {
  const result = await host.runSent({ command: `export SUDO_USER=${user}; ${command}`, input });
  expect(result.stderr).toBe("");
  return result.stdout;
}

describe("the script that replaces a login key", () => {
  test("keeps mode, owner and link of the file, and writes nothing a second time", async () => {
    await addUser("ann", `restrict ${OLD} ann\\n`);
    await host.on(
      "cd /home/ann/.ssh; mv authorized_keys keys; ln -s keys authorized_keys; chmod 640 keys; chgrp adm keys",
    );
    const stat = () => host.on("stat -c '%N %a %U %G %Y %i' /home/ann/.ssh/*");
    // A copy that a killed run has left is no obstacle.
    await host.on("echo half >/home/ann/.ssh/keys.oci-vxlan");
    expect(await run("ann", addKey(KEYS))).toBe("oci-vxlan login-key /home/ann/.ssh/authorized_keys");
    expect(await readHostFile("/home/ann/.ssh/keys")).toBe(`restrict ${OLD} ann\nrestrict ${NEW} ann`);
    const after = await stat();
    expect(after).toMatch(/authorized_keys' -> 'keys' [^]*keys' 640 ann adm /);
    expect(await run("ann", addKey(KEYS))).toBe("");
    expect(await stat()).toBe(after);
    await run("ann", retireKey(KEYS, false));
    expect(await readHostFile("/home/ann/.ssh/authorized_keys")).toBe(`restrict ${NEW} ann`);
    expect(await run("ann", retireKey(KEYS, false))).toBe("");
  });

  test("creates the file as sshd wants it", async () => {
    await host.on("useradd --create-home bea");
    await run("bea", addKey(KEYS));
    expect(await host.on("stat -c '%a %U' /home/bea/.ssh /home/bea/.ssh/authorized_keys")).toBe(
      "700 bea\n600 bea",
    );
    expect(await readHostFile("/home/bea/.ssh/authorized_keys")).toBe(NEW);
  });

  test("leaves other users alone, and exchanges the key in all files on an instance", async () => {
    await addUser("cid", `${OLD}\\n${NEW}\\n`);
    await addUser("dot", `command="false" ${OLD} dot\\nssh-ed25519 AAAAOTHER\\n`);
    await run("cid", retireKey(KEYS, false));
    expect(await readHostFile("/home/cid/.ssh/authorized_keys")).toBe(NEW);
    expect(await readHostFile("/home/dot/.ssh/authorized_keys")).toContain(OLD);
    await run("cid", retireKey(KEYS, true));
    expect(await readHostFile("/home/dot/.ssh/authorized_keys")).toBe(
      `command="false" ${NEW} dot\nssh-ed25519 AAAAOTHER`,
    );
    expect(await host.on("stat -c '%U' /home/dot/.ssh/authorized_keys")).toBe("dot");
  });

  test("changes the file of another user with that user's rights alone", async () => {
    await addUser("gus", "");
    await addUser("hal", `${OLD}\\n`);
    // An attack: user hal replaces the file by a link to one that another user owns.
    await host.on(
      `printf '${OLD}\\n' >/etc/shared; cd /home/hal/.ssh; rm authorized_keys; ln -s /etc/shared authorized_keys`,
    );
    const { exitCode, stderr } = await host.runSent({
      command: "export SUDO_USER=gus; bash -s",
      input: retireKey(KEYS, true).input,
    });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/cannot .*\/etc\/shared/)]);
    expect(await readHostFile("/etc/shared")).toBe(OLD);
    await host.on("rm /home/hal/.ssh/authorized_keys");
  });

  test("goes to the files that sshd reads", async () => {
    await addUser("eve", "");
    await host.on(`ssh-keygen -A >/dev/null; mkdir -p /run/sshd /etc/ssh/keys; printf '${OLD}\\n' >/etc/ssh/keys/eve
      echo 'AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys' >/etc/ssh/sshd_config.d/keys.conf`);
    expect(await run("eve", addKey(KEYS))).toBe("oci-vxlan login-key /etc/ssh/keys/eve");
    await run("eve", retireKey(KEYS, false));
    expect([
      await readHostFile("/etc/ssh/keys/eve"),
      await readHostFile("/home/eve/.ssh/authorized_keys"),
    ]).toEqual([NEW, ""]);
  });

  test("changes nothing where the copy cannot be written", async () => {
    await addUser("fay", `${OLD}\\n`);
    const unwrap = await host.wrap("/usr/bin/sync", "exit 1");
    const { exitCode, stderr } = await host.runSent({
      command: "export SUDO_USER=fay; bash -s",
      input: addKey(KEYS).input,
    });
    await unwrap();
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("cannot write /home/fay/.ssh/authorized_keys.oci-vxlan"),
    ]);
    expect(await host.on("cd /home/fay/.ssh; ls -A; cat *")).toBe(`authorized_keys\n${OLD}`);
  });
});
