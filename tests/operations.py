"""Which operations torch is asked for."""

from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """While open, notes the names of all operations: `aten.convolution`, ..."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        self.names.add(str(operation.overloadpacket))
        return operation(*arguments, **(options or {}))
