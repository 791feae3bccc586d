
def test_one(serve):
    for sweep in ("audit","kill","errno"):
        for report in serve([{"scenario": n, "sweep": sweep, "part": (0, 5)} for n in ("realize", "rebuild other")]):
            print(sweep, report["outcomes"] if "outcomes" in report else report)
            assert report["problems"] == []
