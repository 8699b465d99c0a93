/**
 * The engines that are known. A server is asked in this order, so the last is the one that any server may be.
 */
import type { Dialect } from "../Dialect.ts"
import { chat, router } from "./Chat.ts"
import { llamaCpp } from "./LlamaCpp.ts"
import { sglang } from "./Sglang.ts"
import { tgi } from "./Tgi.ts"
import { transformers } from "./Transformers.ts"
import { vllm } from "./Vllm.ts"

export const dialects: ReadonlyArray<Dialect> = [llamaCpp, vllm, sglang, tgi, transformers, router, chat]
