"""The figures of the HTML report and of notebooks. They need the extra ``report``."""

from ablate.distribution import pip_install
from ablate.errors import AblateError

try:
    import altair  # noqa: F401 (whether it is installed)
    import vl_convert  # noqa: F401
except ImportError:
    raise AblateError(f"figures need Altair and vl-convert: {pip_install('report')}") from None
