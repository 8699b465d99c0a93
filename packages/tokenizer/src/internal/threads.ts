/** What is used here of `node:worker_threads`. */
export interface Threads {
  readonly parentPort: Port | null
  readonly Worker: new (
    file: URL,
    options: { readonly resourceLimits: { readonly maxOldGenerationSizeMb: number } }
  ) => Thread
}

export interface Port {
  readonly on: (event: "message", listener: (message: never) => void) => unknown
  readonly postMessage: (message: unknown) => void
}

export interface Thread {
  readonly once: (event: "message" | "error", listener: (value: never) => void) => Thread
  readonly removeAllListeners: (event: "error") => Thread
  readonly postMessage: (message: unknown) => void
  readonly terminate: () => Promise<unknown>
  readonly unref: () => void
}

interface Host {
  readonly navigator?: { readonly userAgent?: string }
  readonly process?: { readonly getBuiltinModule?: (name: string) => Threads | undefined }
}

/** Threads, where this runtime has them. Asked for at run time: an import would keep this package out of browsers. */
export const threads = (): Threads | undefined => {
  const { navigator, process } = globalThis as unknown as Host
  // Cloudflare has the module, but a worker of it throws.
  return navigator?.userAgent === "Cloudflare-Workers" ? undefined : process?.getBuiltinModule?.("node:worker_threads")
}
