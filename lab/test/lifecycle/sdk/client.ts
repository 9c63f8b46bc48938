import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { accessEnvironment } from "../../../cloud/access.ts";
import type { Lab } from "../../../system/lab.ts";
import { asOperator } from "../../../pulumi/operator.ts";

const PROCESS = fileURLToPath(new URL("process.ts", import.meta.url));

/** An error answer of the cloud, as the SDK reports it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;

  constructor({ status, code, message, requestId }: any) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

type Client = "network" | "compute" | "storage" | "identity" | "raw";

/** Oracle's SDK in the operator's namespace: a child process makes the calls. */
export class Sdk {
  private readonly child: ChildProcess;
  private readonly pendingCalls = new Map<
    number,
    { resolve: (value: any) => void; reject: (error: Error) => void }
  >();
  private calls = 0;

  constructor(lab: Lab, env: Record<string, string> = {}) {
    const [file = "", ...args] = asOperator(lab, [process.execPath, PROCESS]);
    this.child = spawn(file, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...accessEnvironment(lab), ...env },
    });
    if (!this.child.stdout) throw new Error("the SDK's process has no output");
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const { id, answer, error } = JSON.parse(line);
      const call = this.pendingCalls.get(id);
      this.pendingCalls.delete(id);
      if (error) call?.reject(new Refusal(error));
      else call?.resolve(answer);
    });
    this.child.on("exit", () => {
      for (const { reject } of this.pendingCalls.values()) reject(new Error("the SDK's process ended"));
    });
  }

  /** Calls a method of one of the SDK's clients. */
  call(client: Client, method: string, request: object): Promise<any> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.pendingCalls.set(id, { resolve, reject });
      this.child.stdin?.write(`${JSON.stringify({ id, client, method, request })}\n`);
    });
  }

  /** The error answer of a call that has to fail. */
  async refusal(client: Client, method: string, request: object): Promise<Refusal> {
    const answer = await this.call(client, method, request).catch((error: unknown) => error);
    if (answer instanceof Refusal) return answer;
    throw new Error(`${method} was not refused: ${JSON.stringify(answer)}`);
  }

  close(): void {
    this.child.stdin?.end();
  }
}
