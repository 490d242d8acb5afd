alter table hayloft.load drop column digested_as;
alter table hayloft.observation drop column digest;
alter table hayloft.manifest drop column digests;
