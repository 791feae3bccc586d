"""The same pipeline behind another server: `serve_floor.py PORT FOLDER starlette|fastapi`.

Each is what its own tutorial shows, without access log.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

PORT, FOLDER, KIND = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


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


def main() -> None:
    """Answers until it is killed."""
    import uvicorn

    app = starlette() if KIND == "starlette" else fastapi()
    uvicorn.run(app, port=PORT, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
