"""The page shown where the real pages cannot be: guard refusals, and whatever goes wrong before they are wired."""

from html import escape

from app.http.problems import ProblemDocument, clean

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{detail}</p>
{fix}
<p><a href="/">TuneDesk</a></p>
<p><small>{status} · {request_id}</small></p>
</main>
</body>
</html>
"""


def plain_page(problem: ProblemDocument) -> bytes:
    """Return a problem as a small page that needs no template, style sheet or script."""
    fix = f"<p>{escape(clean(problem.fix))}</p>" if problem.fix else ""
    page = _PAGE.format(
        title=escape(problem.title),
        detail=escape(clean(problem.detail)),
        fix=fix,
        status=problem.status,
        request_id=escape(problem.request_id),
    )
    return page.encode()
