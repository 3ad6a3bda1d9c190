"""Steps of compilation that Numba leaves to others, or takes more time over than kernels need."""

from __future__ import annotations

import contextlib
from typing import Any

from numba.core import ir, typeinfer
from numba.core.compiler_machinery import FunctionPass, LoweringPass, register_pass

from .builtins import INSTEAD

__all__ = ["BorrowArrays", "InferTypes", "OfferToKernels", "ReplaceBuiltins"]


@register_pass(mutates_CFG=False, analysis_only=False)
class ReplaceBuiltins(FunctionPass):  # type: ignore[misc]
    """Puts `builtins` in the place of what they stand for."""

    _name = "replace_builtins"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Change what is called, where it is named."""
        assigned: dict[str, Any] = {
            assign.target.name: assign
            for block in state.func_ir.blocks.values()
            for assign in block.find_insts(ir.Assign)
        }
        for call in [assign.value for assign in assigned.values()]:
            if not isinstance(call, ir.Expr) or call.op != "call" or call.kws:
                continue
            name = assigned.get(call.func.name)
            found = _named(name, assigned)
            instead = INSTEAD.get((found, len(call.args))) if callable(found) else None
            if name is not None and instead is not None:
                name.value = ir.Global(found.__name__, instead, name.loc)
                state.func_ir._definitions[name.target.name] = [name.value]
        return True


def _named(assign: Any, assigned: dict[str, Any]) -> Any:
    """Return what a name stands for: a global, or an attribute of a module."""
    value = getattr(assign, "value", None)
    if isinstance(value, ir.Expr) and value.op == "getattr":
        return getattr(_named(assigned.get(value.value.name), assigned), value.attr, None)
    return value.value if isinstance(value, ir.Global) else None


_signatures: dict[Any, Any] = {}


class _Inferer(typeinfer.TypeInferer):  # type: ignore[misc]
    """Finds once what a call of some types is.

    Numba asks again in every function, and in each until all types are known.
    """

    def resolve_call(self, fnty: Any, pos_args: Any, kw_args: Any) -> Any:
        """Return the signature of a call."""
        key = fnty, tuple(pos_args), tuple(kw_args.items())
        found = _signatures.get(key)
        if found is None:
            found = _signatures[key] = super().resolve_call(fnty, pos_args, kw_args)
        return found


class _Warnings:
    """Lets warnings be, where Numba would collect those of each step."""

    def catch_warnings(self, **_: Any) -> Any:
        """Collect nothing."""
        return contextlib.nullcontext()


@register_pass(mutates_CFG=True, analysis_only=False)
class InferTypes(FunctionPass):  # type: ignore[misc]
    """Numba's own inference of types, by the above."""

    _name = "infer_types"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Find the types of all that has a name, and of all calls."""
        function, context = state.func_ir, state.typingctx
        inferer = _Inferer(context, function, _Warnings())
        target = state.targetctx.target
        with context.callstack.register(target, inferer, function.func_id, state.args):
            for index, (name, kind) in enumerate(zip(function.arg_names, state.args, strict=True)):
                inferer.seed_argument(name, index, kind)
            if state.return_type is not None:
                inferer.seed_return(state.return_type)
            inferer.build_constraint()
            inferer.propagate()
            state.typemap, state.return_type, state.calltypes = inferer.unify()
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class BorrowArrays(LoweringPass):  # type: ignore[misc]
    """Counts no references in a function that neither makes nor returns an array.

    Whoever calls it holds what it works on, and parts of that.
    """

    _name = "borrow_arrays"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Look at what calls return, and at what is written."""
        owned = [state.return_type]
        for found, signature in state.calltypes.items():
            if isinstance(found, (ir.SetItem, ir.StaticSetItem)):
                owned.append(signature.args[-1])  # an array is copied before it is written
            elif isinstance(found, ir.Expr) and found.op not in ("getitem", "static_getitem"):
                owned.append(signature.return_type)
        models = state.targetctx.data_model_manager
        state.targetctx.enable_nrt = any(models[kind].contains_nrt_meminfo() for kind in owned)
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class OfferToKernels(LoweringPass):  # type: ignore[misc]
    """Lets kernels call a function of which no machine code is made."""

    _name = "offer_to_kernels"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Register it under a key, which an address is for others."""
        key = object()
        state.targetctx.insert_user_function(key, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True
