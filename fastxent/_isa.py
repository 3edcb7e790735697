import importlib, os
build = os.environ.get("FASTXENT_ISA") or "v4"
available = ("base", "v3", "v4")
kernels = importlib.import_module(f"fastxent._kernels.{build}")
reason = ""
def show_config(): print(build)
