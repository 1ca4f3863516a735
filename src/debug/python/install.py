"""Puts NaNoscope's helper into a debugged program, as a package that only `sys.modules` knows."""


def install(sources, version):
    """Loads the helper; one that is there already in another version is replaced.

    sources: pairs of module name and text, in the order in which they import one another.
    version: what `_nanoscope.version` says afterwards.
    """
    import sys
    import types

    package = types.ModuleType("_nanoscope")
    package.__path__ = []
    for name in [name for name in sys.modules if name.split(".")[0] == "_nanoscope"]:
        del sys.modules[name]
    sys.modules["_nanoscope"] = package
    try:
        for name, text in sources:
            full = "_nanoscope." + name
            module = types.ModuleType(full)
            module.__package__ = "_nanoscope"
            sys.modules[full] = module
            setattr(package, name, module)
            # The name keeps debuggers from looking for a file, and stepping from going in.
            exec(compile(text, "<nanoscope %s>" % name, "exec"), module.__dict__)
    except BaseException:
        for name in [name for name in sys.modules if name.split(".")[0] == "_nanoscope"]:
            del sys.modules[name]
        raise
    package.version = version
