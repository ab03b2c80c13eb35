"""Methods as plug-ins: who is admitted, and how their code is called."""
