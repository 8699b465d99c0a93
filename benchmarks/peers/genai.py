"""ONNX Runtime GenAI: one generator with a batch of as many copies of the prompt as drafts, its cache written in place."""
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime_genai as og


def peak() -> int | None:
    """The most memory that this process ever held, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def load(folder: str, threads: int) -> og.Model:
    config = og.Config(f"{folder}/genai")
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
    return og.Model(config)


def draw(model: og.Model, ids: list[int], job: dict, tokens: int, is_random: bool = True) -> tuple[list[list[int]], list[float]]:
    """The drafts, and when each round of tokens was there."""
    length = len(ids) + tokens
    params = og.GeneratorParams(model)
    # From the whole vocabulary it draws several times slower. The least length keeps the end of text away.
    params.set_search_options(
        batch_size=job["n"], max_length=length, min_length=length, do_sample=is_random, temperature=1.0, top_k=50, top_p=1.0,
        random_seed=job["seed"],
    )
    generator = og.Generator(model, params)
    generator.append_tokens(np.array([ids] * job["n"], dtype=np.int32))
    times = []
    while not generator.is_done():
        generator.generate_next_token()
        times.append(time.perf_counter())
    return [list(map(int, generator.get_sequence(i)[len(ids) :])) for i in range(job["n"])], times


def main() -> None:
    job = json.loads(sys.argv[-1])
    base = peak()
    model = load(job["folder"], job["threads"])
    draw(model, job["warmIds"], job, 3)
    greedy, _ = draw(model, job["warmIds"], job, job["greedy"], is_random=False)
    start = time.perf_counter()
    drafts, times = draw(model, job["ids"], job, job["tokens"])
    end = times[-1]
    now = peak()
    measured = {
        "prefillMs": (times[0] - start) * 1000, "stepMs": (end - times[0]) * 1000 / (job["tokens"] - 1),
        "totalMs": (end - start) * 1000, "lengths": [len(draft) for draft in drafts],
        "distinct": len({tuple(draft) for draft in drafts}),
        "peakBytes": None if base is None or now is None else now - base,
        "longestGapMs": None,  # no event loop
        "greedy": greedy[0],
        "version": og.__version__,
    }
    print("MEASURED " + json.dumps(measured))


if __name__ == "__main__":
    main()
