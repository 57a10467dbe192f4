"""The half scans' recurrence, written in LLVM's words: h = decay h + input B, y = D u + h C, token after token.

States stay in registers. With 32 of them two vectors of channels go side by side: they share what is read of B and C,
and while one waits for its sums the other works. Decays are read, or raised on the way from step sizes and rates, which
fills the time that the recurrence waits.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types

from ...jit import inlined
from ...scan.instructions import BYTES, FLOAT, INT64, LANES, VECTOR, instruction, pointer, product_sum, splatted
from ...scan.powers import faded
from .layout import GROUP, RATES, STATES, VECTORS
from .vectors import at

WIDE = 2 if LANES == 16 else 1
"""Vectors of channels side by side."""


class _Walk:
    """Emits the recurrence of GROUP states of ``wide`` vectors of channels over one half scan, see ``_half``."""

    def __init__(self, builder: Any, wide: int, raised: bool, places: Any) -> None:
        self.builder, self.wide, self.raised = builder, wide, raised
        self.decays, self.rates, self.apart, self.inputs, self.skips, self.entering, self.leaving, self.first = places
        self.each = [(v, n) for v in range(wide) for n in range(GROUP)]

    def emit(self, order: Any, forth: Any, y: Any, y_step: Any, steps: Any) -> None:
        """The first token, before which there is nothing, and a loop over those behind it."""
        builder, one = self.builder, ir.Constant(INT64, 1)
        begun = self._token(order, y, [])
        before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        starts = (builder.sub(steps, one), builder.add(order, forth), builder.add(y, y_step), *begun)
        builder.cbranch(self._some(starts[0]), loop, after)
        builder.position_at_end(loop)
        state = [builder.phi(value.type) for value in starts]
        states = self._token(state[1], state[2], state[3:])
        left = builder.sub(state[0], one)
        following = (left, builder.add(state[1], forth), builder.add(state[2], y_step), *states)
        for phi, start, value in zip(state, starts, following, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, loop)
        builder.cbranch(self._some(left), loop, after)
        builder.position_at_end(after)

    def _some(self, left: Any) -> Any:
        return self.builder.icmp_signed(">", left, ir.Constant(INT64, 0))

    def _load(self, address: Any, distance: int, kind: Any = VECTOR) -> Any:
        """As one pointer and a constant distance, which is part of an instruction."""
        base = pointer(self.builder, address, ir.IntType(8))
        spot = self.builder.gep(base, [ir.Constant(INT64, distance)])
        return self.builder.load(self.builder.bitcast(spot, kind.as_pointer()), align=4)

    def _row(self, address: Any) -> list[Any]:
        return [self._load(address, v * BYTES) for v in range(self.wide)]

    def _splats(self, address: Any) -> list[Any]:
        return [splatted(self.builder, self._load(address, n * 4, FLOAT)) for n in range(GROUP)]

    def _token(self, order: Any, y: Any, states: list[Any]) -> list[Any]:
        """The states after a token; none before stand for the first token. Writes y."""
        builder = self.builder
        token = builder.load(pointer(builder, order, INT64), align=8)
        u = x = self._row(builder.add(token, self.inputs))
        steps = self._row(builder.add(token, self.decays)) if self.raised else []
        if self.raised:
            x = [builder.fmul(*pair) for pair in zip(u, steps, strict=True)]
        B, C = (self._splats(builder.add(token, place)) for place in (self.entering, self.leaving))
        found = [builder.fmul(x[v], B[n]) for v, n in self.each]
        if states:
            decays = self._raise(steps) if self.raised else self._matrix(builder.add(token, self.decays))
            found = [product_sum(builder, *three) for three in zip(decays, states, found, strict=True)]
        skips = self._row(self.skips if self.raised else builder.add(token, self.skips))
        if self.raised:
            skips = [builder.fmul(*pair) for pair in zip(u, skips, strict=True)]
        self._leave(skips, C, y, found)
        return found

    def _matrix(self, address: Any) -> list[Any]:
        """Of every vector of channels one vector a state."""
        apart = [self.builder.mul(self.apart, ir.Constant(INT64, v)) for v in range(self.wide)]
        begins = [self.builder.add(address, distance) for distance in apart]
        return [self._load(begins[v], n * BYTES) for v, n in self.each]

    def _raise(self, steps: list[Any]) -> list[Any]:
        rates = self._matrix(self.rates)
        return [faded(self.builder, steps[v], rate) for (v, _), rate in zip(self.each, rates, strict=True)]

    def _leave(self, skips: list[Any], C: list[Any], y: Any, states: list[Any]) -> None:
        """What the states give goes to y, added to the skip or to what earlier groups of states left there."""
        builder, target = self.builder, pointer(self.builder, y, ir.IntType(8))
        is_first = builder.icmp_signed("!=", self.first, ir.Constant(INT64, 0))
        for v, skip in enumerate(skips):
            own = states[v * GROUP : (v + 1) * GROUP]
            before = builder.select(is_first, skip, self._load(y, v * BYTES))
            sums = [product_sum(builder, own[0], C[0], before), builder.fmul(own[1], C[1])]  # two: none waits long
            for n in range(2, GROUP):
                sums[n % 2] = product_sum(builder, own[n], C[n], sums[n % 2])
            spot = builder.gep(target, [ir.Constant(INT64, v * BYTES)])
            builder.store(builder.fadd(*sums), builder.bitcast(spot, VECTOR.as_pointer()), align=4)


def _walk(wide: int, raised: bool) -> Any:
    """An instruction for kernels: (the way, the places)."""

    def walk(typing: Any, way: Any, places: Any) -> tuple[Any, Any]:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            way, places = (
                [builder.extract_value(one, number) for number in range(kind.count)]
                for one, kind in zip(args, sig.args, strict=True)
            )
            _Walk(builder, wide, raised, places).emit(*way)
            return context.get_dummy_value()

        way_type, places_type = (types.UniTuple(types.int64, count) for count in (5, 8))  # type: ignore[no-untyped-call]
        return types.void(way_type, places_type), build

    return instruction(walk)


def _half(raised: bool) -> Any:
    several, single = _walk(WIDE, raised), _walk(1, raised)

    @inlined
    def half(
        w: int, decays: int, inputs: int, skips: int, entering: int, order: int, forth: int, y: int, y_step: int,
        steps: int
    ) -> None:  # fmt: skip
        """One half scan over tokens, each found at the distances at ``order``, whose entries lie ``forth`` bytes apart.

        There are step * u, D u, and B before C; raised: u, of all tokens D, and step sizes for the decays.
        The first token's decays do not count, since there is nothing before it.
        """
        vectors, states = at(w + VECTORS), at(w + STATES)
        apart, v = states * BYTES, 0
        while v < vectors:
            column, together = v * BYTES, v + WIDE <= vectors
            for n in range(0, states, GROUP):
                from_states, B = v * apart + n * BYTES, entering + n * 4
                source = decays + column if raised else decays + from_states
                way = (order, forth, y + column, y_step, steps)
                places = (source, at(w + RATES) + from_states, apart, inputs + column, skips + column, B,
                          B + states * 4, int(n == 0))  # fmt: skip
                if together:
                    several(way, places)
                else:
                    single(way, places)
            v += WIDE if together else 1

    return half


half_scan, raised_half_scan = _half(raised=False), _half(raised=True)
