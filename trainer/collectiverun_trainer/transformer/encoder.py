"""The trajectory transformer's encoder: a window of experience in, the task embedding z out.

Pre-norm transformer (Vaswani et al. 2017, arXiv:1706.03762; Xiong et al. 2020, arXiv:2002.04745) over one
token for each decision of the window, and a trailing learned CLS token (Devlin et al. 2019,
arXiv:1810.04805) whose output becomes z. A decision's state, action and reward are projected each and added:
a third of the tokens that one for each would make, for a third of the time (ADR 19).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.transformer.normaliser import SIZES, Normaliser
from collectiverun_trainer.transformer.windows import Windows

MODALITIES = len(SIZES)
_CHUNK = 256
"""Windows embedded at once: their activations fit a core's cache."""


class Block(nn.Module):
    """One pre-norm layer; the same function as torch's `TransformerEncoderLayer(norm_first=True, "gelu")`.

    Written out because torch's cannot compute the CLS token alone, which makes the last layer nearly free.
    Dropout falls on the two residual branches only.
    """

    def __init__(self, params: TrajectoryTransformerParams) -> None:
        super().__init__()
        width = params.model_size
        self.heads = params.heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.merge = nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, params.feedforward_size),
            nn.GELU(),
            nn.Linear(params.feedforward_size, width),
        )
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, tokens: Tensor, real: Tensor, only_last: bool = False) -> Tensor:
        """(B, S, width) to the same, or (B, 1, width) of the last token; attends to `real` (B, S) tokens."""
        normed = asking = self.attention_norm(tokens)
        if only_last:
            # Contiguous: else torch picks another kernel for frozen weights, and z differs in its last bit.
            tokens, asking = tokens[:, -1:], normed[:, -1:].contiguous()
        tokens = tokens + self.dropout(self._attend(asking, normed, real))
        advanced: Tensor = tokens + self.dropout(self.feedforward(tokens))
        return advanced

    def _attend(self, asking: Tensor, answering: Tensor, real: Tensor) -> Tensor:
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.key_value(answering).chunk(2, dim=-1))
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=real[:, None, None, :]
        )
        merged: Tensor = self.merge(attended.transpose(1, 2).flatten(2))
        return merged

    def _split(self, values: Tensor) -> Tensor:
        batch, tokens, width = values.shape
        return values.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


class TrajectoryEncoder(nn.Module):
    """Encoder, CLS head and input statistics; it never sees the name of a task or a robot."""

    def __init__(self, params: TrajectoryTransformerParams, normaliser: Normaliser) -> None:
        super().__init__()
        self.params = params
        width = params.model_size
        self.normaliser = normaliser
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(size, width), nn.LayerNorm(width)) for size in SIZES.values()
        )
        self.time = nn.Parameter(0.02 * torch.randn(params.window, width))
        self.hidden_parts = nn.Parameter(0.02 * torch.randn(MODALITIES, width))
        self.cls = nn.Parameter(0.02 * torch.randn(width))
        self.blocks = nn.ModuleList(Block(params) for _ in range(params.layers))
        self.last_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, params.embedding_size)

    def forward(self, windows: Windows) -> Tensor:
        """Task embeddings (B, Z) of length 1, with gradients; dropout follows `train()` and `eval()`."""
        return self._embedding(self._run(windows, None, only_last=True)[:, -1])

    def encode(self, windows: Windows, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Task embeddings (B, Z) and outputs (B, T, width) with `masked` (B, T, 3) parts of tokens masked."""
        output = self._run(windows, masked, only_last=False)
        return self._embedding(output[:, -1]), output[:, :-1]

    def embed(self, windows: Windows) -> Tensor:
        """Task embeddings (B, Z) of length 1, for inference: no gradients or dropout, on its device."""
        training = self.training
        self.eval()
        with torch.inference_mode():
            parts = [
                self(windows[at : at + _CHUNK].to(self.cls.device)) for at in range(0, len(windows), _CHUNK)
            ]
            z = torch.cat(parts)
        self.train(training)
        return z.clone()  # outside inference mode: a normal tensor, which a loss may use

    def _run(self, windows: Windows, masked: Tensor | None, only_last: bool) -> Tensor:
        tokens, real = self._tokens(windows, masked)
        for block in self.blocks[:-1]:
            tokens = block(tokens, real)
        output: Tensor = self.last_norm(self.blocks[-1](tokens, real, only_last))
        return output

    def _tokens(self, windows: Windows, masked: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, T + 1, width), CLS last, and which of them are real; CLS always is."""
        values = self.normaliser(windows)
        parts = [project(value) for project, value in zip(self.projections, values, strict=True)]
        if masked is not None:
            hidden = zip(masked.unbind(-1), self.hidden_parts, parts, strict=True)
            parts = [torch.where(mask[..., None], token, part) for mask, token, part in hidden]
        content = torch.stack(parts).sum(0) + self.time
        # Not len(windows): a tracer, as for the export, would take this batch's size for a constant.
        cls = self.cls.expand(windows.mask.shape[0], 1, -1)
        return torch.cat([content, cls], dim=1), functional.pad(windows.mask, (0, 1), value=True)

    def _embedding(self, cls: Tensor) -> Tensor:
        return functional.normalize(self.head(cls), dim=-1)
