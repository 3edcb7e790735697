"""``python -m fastxent``: what it prints, that it ends well, and that it would notice a wrong kernel."""

import subprocess
import sys

import numpy as np
import pytest

import fastxent as fx
from fastxent import __main__
from fastxent._selftest import exactness, formulas, machine, speed


def test_the_command_prints_the_configuration_both_tables_and_the_verdict():
    command = [sys.executable, "-m", "fastxent", "--seconds", "0.01"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = report.splitlines()
    assert lines[0].startswith(f"fastxent {fx.__version__}, NumPy {np.__version__}, Python ")
    assert [line.split()[0] for line in lines[1:5]] == ["build", "threads", "machine", "system"]
    assert sum(line.startswith(("softmax ", "sigmoid ")) for line in lines) == 12 + 2 * 5
    assert sum(line.startswith("copy: ") for line in lines) == 1
    assert lines[-1] == "self-test passed"


def test_times_of_several_threads_stand_beside_the_load(monkeypatch):
    monkeypatch.setattr(machine, "load", lambda: 3.25)
    assert "load average of 3.25" in speed.table(0)


def test_a_system_without_a_load_is_no_error(monkeypatch):
    monkeypatch.delattr("os.getloadavg", raising=False)
    assert machine.load() is None


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    command = [sys.executable, "-m", "fastxent", "--seconds", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as report:
        report.stdout.close()
        assert report.stderr.read() == ""
        assert report.wait() == 1


def test_without_seconds_the_speed_is_left_out(capsys):
    assert __main__.main(["--seconds", "0"]) == 0
    printed = capsys.readouterr().out
    assert "softmax gradient" in printed
    assert "1 thread" not in printed


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_seconds_must_be_a_number_from_0_on(seconds, capsys):
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["--seconds", seconds])
    assert "--seconds" in capsys.readouterr().err


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
@pytest.mark.parametrize("wrong", [8e-7, np.nan])
def test_a_result_that_is_a_few_ulp_off_fails_the_self_test(loss, wrong, monkeypatch, capsys):
    name = f"{loss}_cross_entropy_grad_hess"
    right = getattr(fx, name)

    def broken(x, t, **options):
        losses, grad, hess = right(x, t, **options)
        return losses, grad * type(grad.flat[0])(1 + wrong), hess

    monkeypatch.setattr(fx, name, broken)
    assert __main__.main(["--seconds", "0"]) == 1
    printed = capsys.readouterr()
    assert "self-test FAILED" in printed.out
    assert f"BROKEN: {loss} gradient in float32" in printed.err


@pytest.mark.parametrize("dtype", exactness.DTYPES)
def test_the_formulas_are_those_of_the_library_where_nothing_is_hard(dtype):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((50, 7)).astype(dtype)
    y = rng.integers(0, 7, 50)
    t = rng.integers(0, 2, x.shape).astype(dtype)
    rtol = 16 * np.finfo(dtype).eps  # the formulas' p - 1 has lost up to three digits of binary: no p is above 7/8
    assert fx.softmax(x).max() < 7 / 8
    for formula, own, target in (
        (formulas.softmax, fx.softmax_cross_entropy_grad_hess, y),
        (formulas.sigmoid, fx.sigmoid_cross_entropy_grad_hess, t),
    ):
        for a, b in zip(formula(x, target), own(x, target, reduction="none"), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol)
    for formula, own, target in (
        (formulas.mean_softmax, fx.softmax_cross_entropy_grad, y),
        (formulas.mean_sigmoid, fx.sigmoid_cross_entropy_grad, t),
    ):
        for a, b in zip(formula(x, target), own(x, target), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0125, "12.5 ms"), (1.5e-6, "1.5 us"), (3e-7, "300 ns")]
)
def test_times_have_a_unit_that_suits_them(seconds, text):
    assert speed.amount(seconds) == text
