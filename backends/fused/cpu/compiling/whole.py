"""How Numba is made to compile a kernel as a whole: once, with all that it calls.

By itself it optimises every function that a kernel calls, in each place where it is called once
more, makes machine code and an interface for Python of each, and looks for much that kernels have
none of.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.runtime import rtsys
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    DeadBranchPrune,
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    RewriteSemanticConstants,
    TranslateByteCode,
)

from .passes import BorrowArrays, InferTypes, OfferToKernels, ReplaceBuiltins

__all__ = ["KernelCompiler", "PartCompiler"]


class _Kernel(JITCodeLibrary):  # type: ignore[misc]
    """The code of a kernel, of which other code sees names alone: its parts are linked, not it."""

    _shared_module: Any

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            names = [function.name for function in self.get_defined_functions()]
            text = "\n".join(f'define void @"{name}"() {{ ret void }}' for name in names)
            self._shared_module = binding.parse_assembly(text)
        return self._shared_module


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that kernels call: put together, and handed on as it is."""

    def add_linking_library(self, library: Any) -> None:
        """Leave the functions by which arrays are made to the kernel."""
        if library is not rtsys.library:
            super().add_linking_library(library)

    def _optimize_final_module(self) -> None:
        """Leave it to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


class _Compiler(CompilerBase):  # type: ignore[misc]
    """Takes the steps that kernels need: they have no closures, exceptions or literal types."""

    library: type[JITCodeLibrary] = _Kernel
    offer: tuple[Any, ...] = ()

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        context = self.state.targetctx  # this function's own
        # asked for at every variable, for a debugger, and worked out by parsing
        context.get_abi_sizeof = functools.cache(context.get_abi_sizeof)

        def refresh() -> None:
            for registry in list(context._registries):
                context.install_registry(registry)

        # asked for at every new call: what is new, but not to import all of Numba again
        context.load_additional_registries = refresh

    def define_pipelines(self) -> list[Any]:
        """One list of steps."""
        state, steps = self.state, PassManager("kernel")
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = bool(self.offer)
        for step in (
            TranslateByteCode,
            FixupArgs,
            IRProcessing,
            RewriteSemanticConstants,
            DeadBranchPrune,
            ReplaceBuiltins,
            GenericRewrites,
            ReconstructSSA,
            InferTypes,
            PreLowerStripPhis,
            IRLegalization,
            AnnotateTypes,
            BorrowArrays,
            NativeLowering,
            *self.offer,
            NoPythonBackend,
        ):
            steps.add_pass(step)
        steps.finalize()
        return [steps]


class KernelCompiler(_Compiler):
    """Compiles a function that is called from Python."""


class PartCompiler(_Compiler):
    """Compiles a function that kernels call."""

    library, offer = _Part, (OfferToKernels,)
