"""Trains the intent model on a CPU, from the examples of `model stream`.

    python3 hack/model/train.py --model BINARY --work DIR --seconds 3600

DIR holds vocabulary.json; it gets checkpoint.pt (training goes on from it when
it is there), weights.bin (for `model pack`) and log.txt. The network is that of
GGUF's "llama" architecture: RMS norms, rotary positions on neighbouring pairs,
SwiGLU, and an output tied to the embedding.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

WIDTH, LAYERS, HEADS, HIDDEN = 192, 6, 6, 512
EPSILON, ROPE_BASE = 1e-5, 10000.0
LABELS = 64  # classes of the labels of units, at most
PEAK_RATE, WARM_UP, DECAY = 1.6e-3, 300, 0.3  # steps; share of the time
BATCH = 64
POOL = 128 * BATCH  # examples sorted by length before they are cut into batches


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * self.weight


def rotate(x, cos, sin):
    """Turns neighbouring pairs of x (batch, heads, tokens, width of a head)."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn_norm, self.ffn_norm = Norm(), Norm()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.output = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate_up = nn.Linear(WIDTH, 2 * HIDDEN, bias=False)
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x, cos, sin, mask, drop):
        batch, tokens, _ = x.shape
        qkv = self.qkv(self.attn_norm(x)).view(batch, tokens, 3, HEADS, WIDTH // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(WIDTH // HEADS) + mask
        mixed = (scores.softmax(-1) @ v.to(scores.dtype)).transpose(1, 2).reshape(batch, tokens, WIDTH)
        x = x + F.dropout(self.output(mixed), drop, self.training)
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + F.dropout(self.down(F.silu(gate) * up), drop, self.training)


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.norm = Norm()
        self.label = nn.Linear(WIDTH, LABELS)  # not part of the exported model
        for name, p in self.named_parameters():
            if p.dim() == 2:
                last = name.endswith(("output.weight", "down.weight"))
                scale = 0.02 if "embedding" in name else (0.5 if last else 1.0) / math.sqrt(p.shape[1])
                nn.init.normal_(p, 0, scale)

    def forward(self, ids, drop=0.0):
        tokens = ids.shape[1]
        rates = ROPE_BASE ** (-torch.arange(0, WIDTH // HEADS, 2).float() / (WIDTH // HEADS))
        angles = torch.arange(tokens).float()[:, None] * rates
        mask = torch.full((tokens, tokens), -1e9).triu(1)
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin(), mask, drop)
        return self.norm(x)


def examples(command):
    """Yields (prompt, answer, labels) of the stream that command writes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20) as process:
        while head := process.stdout.read(6):
            counts = np.frombuffer(head, "<u2").astype(int)
            body = np.frombuffer(process.stdout.read(2 * counts.sum()), "<u2").astype(np.int64)
            yield np.split(body, np.cumsum(counts)[:2])


def batch_of(part):
    """Pads examples to (ids, next, labels); -100 marks what does not count."""
    length = max(len(p) + len(a) for p, a, _ in part) - 1
    ids = np.zeros((len(part), length), np.int64)
    following = np.full((len(part), length), -100, np.int64)
    labels = np.full((len(part), length), -100, np.int64)
    for row, (prompt, answer, label) in enumerate(part):
        whole = np.concatenate((prompt, answer))
        ids[row, : len(whole) - 1] = whole[:-1]
        following[row, len(prompt) - 1 : len(whole) - 1] = answer
        labels[row, len(prompt) - 1 - len(label) : len(prompt) - 1] = label
    return torch.from_numpy(ids), torch.from_numpy(following), torch.from_numpy(labels)


def batches(source, random):
    while True:
        pool = [e for _, e in zip(range(POOL), source)]
        if not pool:
            return
        pool.sort(key=lambda e: len(e[0]) + len(e[1]))
        cut = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        random.shuffle(cut)
        yield from map(batch_of, cut)


@torch.no_grad()
def exact(model, pool):
    """Returns the share of examples whose whole answer is the model's first choice."""
    model.eval()
    right = total = 0
    for i in range(0, len(pool), BATCH):
        ids, following, _ = batch_of(pool[i : i + BATCH])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            guess = (model(ids) @ model.embedding.weight.T).argmax(-1)
        right += ((guess == following) | (following < 0)).all(1).sum().item()
        total += len(ids)
    model.train()
    return right / max(total, 1)


def save_weights(model, name):
    """Writes a line of JSON with names and shapes, and the numbers as 32-bit floats."""
    tensors = {"token_embd.weight": model.embedding.weight, "output_norm.weight": model.norm.weight}
    for n, b in enumerate(model.blocks):
        q, k, v = b.qkv.weight.chunk(3)
        gate, up = b.gate_up.weight.chunk(2)
        for part, tensor in {
            "attn_norm": b.attn_norm.weight, "attn_q": q, "attn_k": k, "attn_v": v, "attn_output": b.output.weight,
            "ffn_norm": b.ffn_norm.weight, "ffn_gate": gate, "ffn_up": up, "ffn_down": b.down.weight,
        }.items():
            tensors[f"blk.{n}.{part}.weight"] = tensor
    header = {
        "layers": LAYERS, "width": WIDTH, "heads": HEADS, "hidden": HIDDEN, "epsilon": EPSILON, "rope_base": ROPE_BASE,
        "tensors": [{"name": k, "shape": list(t.shape)} for k, t in tensors.items()],
    }
    with open(name + ".new", "wb") as out:
        out.write(json.dumps(header).encode() + b"\n")
        for t in tensors.values():
            out.write(t.detach().float().contiguous().numpy().astype("<f4").tobytes())
    os.replace(name + ".new", name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the binary of hack/model")
    parser.add_argument("--work", required=True, help="a directory with vocabulary.json")
    parser.add_argument("--seconds", type=float, required=True, help="CPU seconds of training in all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--drop", type=float, default=0.0, help="dropout")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    at = lambda name: os.path.join(options.work, name)
    command = [options.model, "stream", "-vocabulary", at("vocabulary.json")]

    with open(at("vocabulary.json")) as f:
        model = Model(len(json.load(f)["tokens"]))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}], betas=(0.9, 0.98))
    step, spent, run = 0, 0.0, 0
    if os.path.exists(at("checkpoint.pt")):
        saved = torch.load(at("checkpoint.pt"))
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent, run = saved["step"], saved["spent"], saved["run"] + 1
    log = open(at("log.txt"), "a", buffering=1)
    note = lambda text: print(text, flush=True) or log.write(text + "\n")
    note(f"parameters {sum(t.numel() for n, t in model.named_parameters() if 'label' not in n)}, step {step}, spent {spent:.0f} s")

    held_out = list(examples(command + ["-held-out", "-n", "1500", "-seed", "9"]))
    dev = list(examples(command + ["-f", "hack/eval/testdata/dev.jsonl"]))
    feed = batches(examples(command + ["-seed", str(100 + run)]), np.random.default_rng(run))
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))  # ends with a checkpoint
    started, before, shown, losses, tokens = time.time(), spent, time.time(), [], 0
    while True:
        spent = before + time.process_time()
        left = 1 - spent / options.seconds
        if left <= 0:
            break
        rate = PEAK_RATE * min(1, (step + 1) / WARM_UP) * min(1, left / DECAY)
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, following, labels = next(feed)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model(ids, options.drop)
            said, read = following >= 0, labels >= 0
            answers = hidden[said] @ model.embedding.weight.T
            marks = model.label(hidden[read])
        loss = F.cross_entropy(answers.float(), following[said])
        helped = loss + 0.3 * F.cross_entropy(marks.float(), labels[read])
        optimizer.zero_grad(set_to_none=True)
        helped.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, tokens = step + 1, tokens + ids.numel()
        losses.append(loss.item())
        if time.time() - shown > 120 or stopped:
            shown = time.time()
            note(f"{shown - started:6.0f} s, CPU {spent:6.0f} s, step {step}, {tokens / (spent - before):5.0f} tokens/s, loss {np.mean(losses):.4f}, "
                 f"held out {exact(model, held_out):.3f}, dev {exact(model, dev):.3f}, rate {rate:.5f}")
            losses = []
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent, "run": run}, at("checkpoint.new"))
            os.replace(at("checkpoint.new"), at("checkpoint.pt"))
            save_weights(model, at("weights.bin"))
            if stopped:
                return
    save_weights(model, at("weights.bin"))
    note(f"done: step {step}, CPU {spent:.0f} s, held out {exact(model, held_out):.3f}, dev {exact(model, dev):.3f}")


if __name__ == "__main__":
    main()
