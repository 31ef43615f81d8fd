"""For authors of techniques: example inputs, hypothesis strategies and the laws that every technique obeys.

A plug-in's own test needs three lines:

    from opsin.testing.laws import check_op

    def test_laws():
        check_op("my_technique")
"""
