"""Measures: the text that Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from pystore.ui.web.metrics import Measures


def values(measures: Measures) -> dict[str, float]:
    families = text_string_to_metric_families(measures.text().decode())
    return {f"{s.name}{s.labels or ''}": s.value for family in families for s in family.samples}


def test_counts_are_read_as_they_were_set():
    measures = Measures()
    measures.answered_well.inc()
    measures.measure_batch(7)
    measures.set_state("rref:1", swaps=2, refused=1, lost=3)
    found = values(measures)
    assert found["pystore_answers_total{'status': '200'}"] == 1
    assert found["pystore_batch_questions_bucket{'le': '8.0'}"] == 1
    assert (found["pystore_swaps"], found["pystore_refused"]) == (2, 1)
    assert found["pystore_log_lost"] == 3
    assert found["pystore_serving{'rref': 'rref:1'}"] == 1


def test_what_answers_no_more_is_not_named_any_more():
    measures = Measures()
    measures.set_state("rref:1")
    measures.set_state("rref:2")
    assert [name for name in values(measures) if "rref:1" in name] == []
    measures.set_state(None)
    assert [name for name in values(measures) if "rref:" in name] == []
