"""Build hook: compiles the kernels if there is a C compiler; without them, torch computes the same."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any
from zlib import crc32

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path("edlrr_cli/lrr/native")
# A file for each kind of processor, by its name in torch.backends.cpu.get_cpu_capability.
_X86 = {"avx512": ["-march=x86-64-v4"], "avx2": ["-march=x86-64-v3"], "default": []}


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds the compiled kernels to a wheel, or to the source tree of an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a failure is reported and leaves a package of Python alone."""
        compiler = os.environ.get("CC") or shutil.which("cc")
        if self.target_name != "wheel" or compiler is None or os.name != "posix":
            return
        files = sorted(Path(self.root, _FOLDER).glob("*.[ch]"))
        # As in edlrr_cli/lrr/native/library.py, which does not use a library compiled from other files.
        checksum = f"-DCHECKSUM={crc32(b''.join(path.read_bytes() for path in files))}u"
        sources = [str(path) for path in files if path.suffix == ".c"]
        is_x86 = platform.machine().lower() in ("x86_64", "amd64")
        for name, flags in (_X86 if is_x86 else {"default": []}).items():
            library = _FOLDER / f"_kernels_{name}.so"
            command = [
                *compiler.split(),
                "-O3",
                "-fno-math-errno",
                "-std=c11",
                "-shared",
                "-fPIC",
                checksum,
                *flags,
            ]
            command += ["-o", str(library), *sources]
            built = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
            if built.returncode:
                self.app.display_warning(f"no {library.name}: {built.stderr.strip()}")
                continue
            build_data["artifacts"].append(str(library))
            build_data["pure_python"], build_data["infer_tag"] = False, True
