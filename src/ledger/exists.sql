select to_regclass('hayloft.load') is not null
    and to_regclass('hayloft.reject') is not null
    and to_regclass('hayloft.held_fact') is not null
    and to_regclass('hayloft.held_reference') is not null as there
