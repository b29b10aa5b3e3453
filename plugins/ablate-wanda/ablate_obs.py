"""The criterion of SparseGPT (Frantar and Alistarh 2023, arXiv 2301.00774): the optimal brain surgeon's, by layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ablate.plugin_api import Batches, Granularity, PluginError, Scorer, Unstructured, View, hookimpl, prepare

ablate_api = 3


class Obs(Scorer):
    """``W_ij² / [H⁻¹]_jj`` with ``H = XXᵀ + λI``, X being the module's inputs over the calibration sentences' tokens.

    Without λ that is exactly how much the squared error ``‖WX - W'X‖²`` of the module's output rises if the weight goes
    and the others of its row are set to what then fits best (Hassibi and Stork 1993). SparseGPT removes weight after
    weight by it and updates those that stay. A mask cannot change weights, so the update is left out. ``wanda`` squared
    is the rise without the update, and this criterion if H is diagonal.
    """

    name: ClassVar[str] = "obs"
    help: ClassVar[str] = "squared weight over the inverse Hessian's diagonal of its layer (SparseGPT's criterion)"
    slow: ClassVar[bool] = True

    sentences: int | None = Field(None, ge=1, description="calibration sentences used; default: all")
    damping: float = Field(
        0.01, ge=1e-6, allow_inf_nan=False, description="λ, as a share of the mean of XXᵀ's diagonal; SparseGPT's"
    )

    @property
    def examples(self) -> tuple[Literal["sentences"], ...]:
        return ("sentences",)

    @property
    def batches(self) -> tuple[Batches, ...]:
        return (Batches("sentences", self.sentences, batch_size=1),)

    def supports(self, granularity: Granularity) -> None:
        if not isinstance(granularity, Unstructured):
            raise PluginError(f"scorer 'obs' is for unstructured, not '{granularity.name}'; use wanda there")

    def score(self, view: View) -> Tensor:
        self.supports(view.granularity)
        values = {}
        for name, product in self.products(view).items():
            product.diagonal().add_(self.damping * product.diagonal().mean())
            # Without any input no weight has an effect, and nothing could be inverted.
            factor = torch.linalg.cholesky(product) if product.any() else None
            divided = torch.zeros(len(product)) if factor is None else 1 / torch.cholesky_inverse(factor).diagonal()
            values[name] = view.model.weight(name).detach().square() * divided.float().to(view.model.device)
        return view.reduce(values)

    def products(self, view: View) -> dict[str, Tensor]:
        """``XXᵀ`` of each linear module, float64 [in, in] on the CPU, padding left out."""
        assert view.calibration is not None
        products: dict[str, Tensor] = {}
        model, real, handles = view.model, torch.zeros(0, dtype=torch.bool), []

        def add(name: str, _: Any, inputs: tuple[Tensor, ...]) -> None:
            given = inputs[0][real].cpu().double()  # in float64, since H is inverted
            products[name] = products.get(name, torch.zeros(())) + given.T @ given

        try:
            for name in view.granularity.carriers(model):
                handles.append(model.backbone.get_submodule(name).register_forward_pre_hook(partial(add, name)))
            with torch.no_grad():
                for batch in prepare(model, view.calibration.sentences[: self.sentences]).batches:
                    real = batch.features["attention_mask"].bool()
                    model.embed(batch.features)
        finally:
            for handle in handles:
                handle.remove()
        return products


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    register(Obs)
