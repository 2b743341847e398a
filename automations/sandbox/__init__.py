"""A Pipedrive and a CleverTap to try things on: strict, stateful, real HTTP on 127.0.0.1.

    pd = PipedriveSandbox(api_token="secret")
    with pd.serve(port=0) as server:
        ...  # server.url

The demo and the tests share them; they stand alone and know nothing of the engine.
"""

from .base import SeenRequest
from .clevertap import ClevertapSandbox, UploadCall
from .errors import Refusal
from .pipedrive import PipedriveSandbox
from .sender import Delivery
from .serving import SandboxServer

__all__ = [
    "ClevertapSandbox",
    "Delivery",
    "PipedriveSandbox",
    "Refusal",
    "SandboxServer",
    "SeenRequest",
    "UploadCall",
]
