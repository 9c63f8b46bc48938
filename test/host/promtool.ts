import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../lab/system/commands.ts";

/**
 * The path of Prometheus's own checker of metrics, taken out of Debian's package without installing the server.
 *
 * @param cache folder that is kept between runs
 */
export async function promtool(cache: string): Promise<string> {
  const path = join(cache, "promtool/usr/bin/promtool");
  if (existsSync(path)) return path;
  const script = `
    folder=$(mktemp -d "$1/promtool.XXXXXX")
    chmod 755 "$folder"
    cd "$folder"
    apt-get download --quiet prometheus || { apt-get update --quiet && apt-get download --quiet prometheus; }
    dpkg-deb --extract prometheus_*.deb .
    rm -rf prometheus_*.deb "$1/promtool"
    mv "$folder" "$1/promtool"`;
  await run(["sh", "-ec", script, "sh", cache], { timeout: 280_000 });
  return path;
}
