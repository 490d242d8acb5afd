-- One pass sorts the versions of a dimension by key and start; a million of them fit.
set local work_mem = '256MB';
set local jit = off;
