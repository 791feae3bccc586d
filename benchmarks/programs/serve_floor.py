"""The same pipeline behind another server: `serve_floor.py PORT FOLDER starlette|fastapi|litserve`.

Each is what its own tutorial shows, without access log. LitServe gathers up to BATCH questions.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

PORT, FOLDER, KIND = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
BATCH, PATIENCE = 32, 0.005  # [s]


def pipeline() -> Any:
    """The one that was trained."""
    return pickle.loads((FOLDER / "pipeline.pickle").read_bytes())


def answer(estimator: Any, rows: Any) -> dict[str, list[float]]:
    """The reply."""
    return {"predictions": [float(one) for one in estimator.predict(np.asarray(rows, float))]}


def starlette() -> Any:
    """The application."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    estimator = pipeline()

    async def predict(request: Request) -> JSONResponse:
        return JSONResponse(answer(estimator, (await request.json())["features"]))

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def fastapi() -> Any:
    """The application."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    app, estimator = FastAPI(), pipeline()

    class Question(BaseModel):
        features: list[list[float]]

    class Answer(BaseModel):
        predictions: list[float]

    @app.post("/predict")
    async def predict(question: Question) -> Answer:
        return Answer(**answer(estimator, question.features))

    return app


def litserve(batch: int) -> None:
    """Answers."""
    import litserve as ls

    class Api(ls.LitAPI):  # type: ignore[misc]  # litserve has no types
        def setup(self, device: str) -> None:
            self.estimator = pipeline()

        def decode_request(self, request: dict[str, Any]) -> Any:
            return np.asarray(request["features"], float)[0]

        def predict(self, rows: Any) -> Any:
            return self.estimator.predict(np.atleast_2d(rows))

        def unbatch(self, output: Any) -> Any:
            return list(output)

        def encode_response(self, output: Any) -> dict[str, list[float]]:
            return {"predictions": [float(one) for one in np.atleast_1d(output)]}

    api = Api(max_batch_size=batch, batch_timeout=PATIENCE if batch > 1 else 0.0)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run("127.0.0.1", PORT, generate_client_file=False, log_level="warning", access_log=False)


def main() -> None:
    """Answers until it is killed."""
    if KIND.startswith("litserve"):
        return litserve(BATCH if KIND.endswith("batching") else 1)
    import uvicorn

    app = starlette() if KIND == "starlette" else fastapi()
    uvicorn.run(app, port=PORT, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
