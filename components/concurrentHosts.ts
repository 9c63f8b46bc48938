/** Hosts that are asked at the same time. Each login takes some milliseconds of this process. */
const CONCURRENT_HOSTS = 32;

/** Does the same work for each host, for some at a time. */
export async function forEachHost<T>(hosts: readonly T[], work: (host: T) => Promise<void>): Promise<void> {
  const queue = [...hosts];
  const worker = async () => {
    for (let host = queue.shift(); host !== undefined; host = queue.shift()) await work(host);
  };
  await Promise.all(Array.from({ length: CONCURRENT_HOSTS }, worker));
}
