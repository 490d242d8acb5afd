-- $1: load. The first instant and the last of which it spoke.
select min(at) as earliest, max(at) as latest from hayloft.observation where load_id = $1
