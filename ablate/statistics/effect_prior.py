"""The distribution of true effects behind noisy ones, as a mixture that is fitted by maximum likelihood.

The mixture has a point mass at 0 and uniform distributions on either side of it. Uniform distributions that all begin
at 0 make each side unimodal with its mode at 0 (Stephens 2017, "False discovery rates: a new deal"). Uniform
distributions side by side make a histogram, which may have any shape.

All effects are measured on the same items, so a part of their errors is common: effect i is θ_i + b_i z + ε_i, where z
is one standard normal number for all units and ε_i ~ N(0, e_i²) is independent. The likelihood is maximized over z too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.arrays import Floats
from ablate.statistics.joint_errors import joint_errors

_STEPS = 200
"""Of the EM algorithm; ten times as many move the ends of an interval by about 0.01 at most."""

_ROOT_STEPS = 4
"""Of Newton's method in a step of EM, which begins where the step before ended."""

_CLOSE = 1e-6
"""Shares this close are the same."""

_FARTHEST = 3.0
"""The largest common error that is considered, in standard deviations."""


@dataclass(frozen=True)
class Noise:
    """The errors of the effects, float64 [units] each. common: b_i. own: e_i, above 0."""

    common: Floats
    own: Floats


def noise_of(draws: Floats) -> Noise:
    """Splits the errors into a common and an independent part.

    The common part is the first principal component of the standardized errors.

    Args:
        draws: float64 [draws, units], all effects on each joint bootstrap draw; at least one of them moves.
    """
    errors, standardized = joint_errors(draws)
    eigenvalues, vectors = np.linalg.eigh(standardized.T @ standardized / len(draws))
    common = errors * np.sqrt(eigenvalues[-1]) * vectors[:, -1]
    own = np.sqrt(np.maximum(0.0, np.square(errors) - np.square(common)))
    # A unit without any error would have an infinite density.
    return Noise(common, np.maximum(own, 0.01 * own.max()))


@dataclass(frozen=True)
class Mixture:
    """The likelihood of the effects under each component.

    density: float64 [z, units, components]. penalty: float64 [z], minus the log density of z, up to a constant.
    above: float64 [components], the share of each component that is above the size, in [0, 1].
    """

    density: Floats
    penalty: Floats
    above: Floats

    def best(self, drop: float) -> tuple[float, float, Mixture]:
        """The highest log-likelihood, the share above the size at that, and the mixture at fewer z.

        Those are left out at which no log-likelihood is within ``drop`` of the highest.
        """
        weights = self._start((len(self.penalty), 1), np.ones(len(self.above), bool))
        for _ in range(5 * _STEPS):
            weights = self._expected(weights)
        likelihood = self._likelihood(weights)[:, 0]
        z = int(likelihood.argmax())
        near = likelihood >= likelihood[z] - drop
        return (
            float(likelihood[z]),
            float(weights[z, 0] @ self.above),
            Mixture(self.density[near], self.penalty[near], self.above),
        )

    def profile(self, shares: Floats) -> Floats:
        """The highest log-likelihood for each share above the size, float64 [shares]; -inf where none has it."""
        found = np.full(len(shares), -np.inf)
        lowest, highest = self.above.min(), self.above.max()
        inside = (shares > lowest + _CLOSE) & (shares < highest - _CLOSE)
        if inside.any():
            found[inside] = self._between(shares[inside])
        for edge in (lowest, highest):
            at_edge = np.abs(shares - edge) <= _CLOSE
            if at_edge.any():
                found[at_edge] = self._only(self.above == edge)
        return found

    def _only(self, components: NDArray[np.bool_]) -> float:
        weights = self._start((len(self.penalty), 1), components)
        for _ in range(_STEPS):
            weights = self._expected(weights)
        return float(self._likelihood(weights).max())

    def _between(self, shares: Floats) -> Floats:
        """Each step sets weights ∝ expected / (1 + μ (above - share)), with the μ that gives the share."""
        apart = self.above - shares[:, None]
        weights = self._start((len(self.penalty), len(shares)), np.ones(len(self.above), bool))
        low, high = -1 / apart.max(1, keepdims=True), -1 / apart.min(1, keepdims=True)
        multiplier = np.zeros((len(self.penalty), len(shares), 1))
        for step in range(_STEPS):
            # Without a floor, a component that has lost its weight leaves no μ.
            expected = np.maximum(self._expected(weights), 1e-10)
            # The last one counts, and must give exactly this share.
            steps = _ROOT_STEPS if step < _STEPS - 1 else 10 * _ROOT_STEPS
            multiplier = _multiplier(expected, apart, multiplier, low, high, steps)
            weights = expected / (1 + multiplier * apart)
            weights /= weights.sum(-1, keepdims=True)
        return np.asarray(self._likelihood(weights).max(0), np.float64)

    def _start(self, shape: tuple[int, int], components: NDArray[np.bool_]) -> Floats:
        return np.broadcast_to(components / components.sum(), (*shape, len(components)))

    def _expected(self, weights: Floats) -> Floats:
        """One step of EM: the expected share of each component, float64 [z, shares, components]."""
        units = self.density.shape[1]
        total = weights @ self.density.swapaxes(1, 2)
        return np.asarray(weights * ((1 / total) @ self.density) / units, np.float64)

    def _likelihood(self, weights: Floats) -> Floats:
        """Float64 [z, shares]."""
        total = np.log(weights @ self.density.swapaxes(1, 2)).sum(-1)
        return np.asarray(total - self.penalty[:, None], np.float64)


def unimodal(effects: Floats, noise: Noise, size: float) -> Mixture:
    """The point mass, and uniform distributions from 0 to ±u."""
    ends = _ends(effects, noise, size)
    above = np.maximum(0.0, 1 - size / ends)
    return _mixture(effects, noise, np.zeros(len(ends)), ends, above)


def histogram(effects: Floats, noise: Noise, size: float) -> Mixture:
    """The point mass, and uniform distributions between neighboring ends u of :func:`unimodal`."""
    ends = _ends(effects, noise, size)
    starts = np.concatenate([[0.0], ends[:-1]])
    above = np.clip((ends - size) / (ends - starts), 0.0, 1.0)
    return _mixture(effects, noise, starts, ends, above)


def _ends(effects: Floats, noise: Noise, size: float) -> Floats:
    """From a fraction of the smallest error to beyond the largest effect, each √2 times the one before."""
    first = float(noise.own.min()) / 4
    last = max(8 * first, 2 * size, 2 * float(np.abs(effects).max()))
    return np.asarray(first * 2 ** (np.arange(np.ceil(2 * np.log2(last / first)) + 1) / 2), np.float64)


def _mixture(effects: Floats, noise: Noise, starts: Floats, ends: Floats, above: Floats) -> Mixture:
    from scipy.special import ndtr

    common = _common_errors(noise)
    centers = (effects - common[:, None] * noise.common)[..., None]
    own = noise.own[:, None]

    def uniform(low: Floats, high: Floats) -> Floats:
        inside = ndtr((centers - low) / own) - ndtr((centers - high) / own)
        return np.asarray(inside / (high - low), np.float64)

    zero = np.exp(-np.square(centers / own) / 2) / (own * np.sqrt(2 * np.pi))
    density = np.concatenate([zero, uniform(starts, ends), uniform(-ends, -starts)], axis=-1)
    # An effect that no component explains at this z must not make a likelihood of 0.
    density = np.maximum(density, np.finfo(float).tiny ** 0.5)
    return Mixture(density, np.square(common) / 2, np.concatenate([[0.0], above, np.zeros(len(ends))]))


def _common_errors(noise: Noise) -> Floats:
    """The values of z, so close that the log-likelihood between two of them is lower by 0.1 at most."""
    curvature = float(np.square(noise.common / noise.own).sum())
    step = float(np.clip(np.sqrt(0.8 / max(curvature, 1e-9)), 0.15, 1.0))
    half = int(np.ceil(_FARTHEST / step))
    return np.linspace(-_FARTHEST, _FARTHEST, 2 * half + 1)


def _multiplier(expected: Floats, apart: Floats, start: Floats, low: Floats, high: Floats, steps: int) -> Floats:
    """The root μ in (low, high) of the sum of expected · apart / (1 + μ apart), by Newton's method with bisection."""
    low, high = (np.broadcast_to(end, start.shape) for end in (low, high))
    root = np.clip(start, low * (1 - 1e-9), high * (1 - 1e-9))
    for _ in range(steps):
        ratio = apart / (1 + root * apart)
        value = (expected * ratio).sum(-1, keepdims=True)
        low, high = np.where(value > 0, root, low), np.where(value > 0, high, root)
        better = root + value / (expected * np.square(ratio)).sum(-1, keepdims=True)
        root = np.where((better > low) & (better < high), better, (low + high) / 2)
    return np.asarray(root, np.float64)
