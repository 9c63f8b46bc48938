import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../lab/system/commands.ts";

/**
 * The folder with the files of one of Debian's packages, for a program of it that needs no installation.
 *
 * @param cache folder that is kept between runs
 */
export async function debianPackage(cache: string, name: string): Promise<string> {
  const path = join(cache, "debian", name);
  if (existsSync(path)) return path;
  const script = `
    mkdir -p "$1"
    folder=$(mktemp -d "$1/$2.XXXXXX")
    chmod 755 "$folder"
    cd "$folder"
    apt-get download --quiet "$2" || { apt-get update --quiet && apt-get download --quiet "$2"; }
    dpkg-deb --extract "$2"_*.deb .
    rm -rf "$2"_*.deb "\${1:?}/$2"
    mv "$folder" "$1/$2"`;
  await run(["sh", "-ec", script, "sh", join(cache, "debian"), name], { timeout: 280_000 });
  return path;
}
