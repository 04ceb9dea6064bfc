"""Starts the harness with the libtorch of the installed torch package."""

import importlib.metadata
import importlib.util
import os
import sys

# What `pip` knows this package as.
DISTRIBUTION = "dst-harness"
PROGRAM = "harness-native"


class Missing(Exception):
    """What is not there, and what to do."""


def wanted():
    """The version of torch that this package depends on."""
    for requirement in importlib.metadata.requires(DISTRIBUTION) or []:
        name, equal, version = requirement.partition("==")
        if name.strip() == "torch" and equal:
            return version.strip()
    raise Missing(f"the package {DISTRIBUTION} does not say which torch it wants")


def libraries():
    """The folder with torch's libraries. torch is found, not imported, which would take seconds."""
    install = f"{sys.executable} -m pip install torch=={wanted()}"
    spec = importlib.util.find_spec("torch")
    folders = (spec and spec.submodule_search_locations) or []
    found = [os.path.join(folder, "lib") for folder in folders]
    found = [folder for folder in found if os.path.isdir(folder)]
    if not found:
        raise Missing(
            f"{sys.executable} has no package torch, whose libtorch the harness uses: {install}"
        )
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        # Made by hand; the loader will say if it does not fit.
        return found[0]
    # Behind the plus stands what it was built for.
    if version.partition("+")[0] != wanted():
        raise Missing(
            f"{sys.executable} has torch {version}, and the harness uses the libtorch of another "
            f"version: {install}"
        )
    return found[0]


def program():
    """The program itself, which pip has put where it puts programs."""
    for file in importlib.metadata.files(DISTRIBUTION) or []:
        if file.name == PROGRAM:
            return os.path.realpath(file.locate())
    raise Missing(
        f"the program {PROGRAM} is not in the package {DISTRIBUTION}: "
        f"{sys.executable} -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
    )


def main():
    """Becomes the program, so that signals, the terminal and the exit code are its own."""
    try:
        binary, path = program(), libraries()
    except Missing as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 4
    name = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    before = os.environ.get(name)
    os.environ[name] = path + os.pathsep + before if before else path
    try:
        # Help texts call the program by the name under which it was started.
        os.execv(binary, ["harness", *sys.argv[1:]])
    except OSError as error:
        print(f"error: cannot start {binary}: {error}", file=sys.stderr)
        return 4
