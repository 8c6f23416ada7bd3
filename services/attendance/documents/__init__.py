"""Documents on paper: the attendance list, the certificate, the confirmation of a day. Typed sheets in, PDF/UA out, nothing else."""
