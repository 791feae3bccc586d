"""The same pipeline behind LitServe: `serve_litserve.py PORT FOLDER BATCH`.

It gathers up to BATCH questions, and waits 5 ms for them.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import litserve as ls
import numpy as np

PORT, FOLDER, BATCH = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
PATIENCE = 0.005  # [s]


class Api(ls.LitAPI):  # type: ignore[misc]  # litserve has no types
    """One row a question."""

    def setup(self, device: str) -> None:
        """Loads the pipeline."""
        self.estimator = pickle.loads((FOLDER / "pipeline.pickle").read_bytes())

    def decode_request(self, request: dict[str, Any]) -> Any:
        """The row."""
        return np.asarray(request["features"], float)[0]

    def predict(self, rows: Any) -> Any:
        """The class of each row, or of the only one."""
        return self.estimator.predict(np.atleast_2d(rows))

    def unbatch(self, output: Any) -> Any:
        """One answer a question."""
        return list(output)

    def encode_response(self, output: Any) -> dict[str, list[float]]:
        """The reply."""
        return {"predictions": [float(one) for one in np.atleast_1d(output)]}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=PATIENCE if BATCH > 1 else 0.0)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run("127.0.0.1", PORT, generate_client_file=False, log_level="warning", access_log=False)
