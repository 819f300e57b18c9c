def write_html(run, exchanges):
    return ""
