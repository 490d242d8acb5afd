update hayloft.observation as said
set digest = sealed.digest
from unnest($2, $3, $4) as sealed (key, line, digest)
where said.load_id = $1 and said.key = sealed.key and said.line = sealed.line
