/** Hosts that are asked at the same time. Each login takes some milliseconds of this process. */
const CONCURRENT_HOSTS = 32;

/** Runs asynchronous work, some at a time. */
export function limitConcurrency(): <T>(work: () => Promise<T>) => Promise<T> {
  let freeSlots = CONCURRENT_HOSTS;
  const waitingResolvers: (() => void)[] = [];
  return async (work) => {
    if (freeSlots > 0) freeSlots--;
    else await new Promise<void>((resolve) => waitingResolvers.push(resolve));
    try {
      return await work();
    } finally {
      const next = waitingResolvers.shift();
      if (next) next();
      else freeSlots++;
    }
  };
}

/** Does the same work for each host, for some at a time. */
export async function forEachHost<T>(hosts: readonly T[], work: (host: T) => Promise<void>): Promise<void> {
  const queue = [...hosts];
  const worker = async () => {
    for (let host = queue.shift(); host !== undefined; host = queue.shift()) await work(host);
  };
  await Promise.all(Array.from({ length: CONCURRENT_HOSTS }, worker));
}
