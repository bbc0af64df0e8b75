"""What `test-api-key` is answered with: the example of the public reference, whatever was asked."""

DOMAIN_SEARCH = {
    "data": {
        "domain": "intercom.com",
        "disposable": False,
        "webmail": False,
        "accept_all": True,
        "pattern": "{first}",
        "organization": "Intercom",
        "description": (
            "Faster resolutions, higher CSAT, and lighter support volumes with the only platform to combine the power of "
            "automation and human customer support."
        ),
        "industry": "Software Development",
        "twitter": None,
        "facebook": None,
        "linkedin": None,
        "instagram": None,
        "youtube": None,
        "technologies": [
            "amazon-web-services", "facebook", "intercom", "marketo", "node-js", "react", "recaptcha", "sentry",
        ],
        "country": None,
        "state": None,
        "city": None,
        "postal_code": None,
        "street": None,
        "headcount": "501-1000",
        "company_type": "Educational Institution",
        "emails": [
            {
                "value": "ciaran@intercom.com",
                "type": "personal",
                "confidence": 92,
                "sources": [
                    {
                        "domain": "github.com",
                        "uri": "http://github.com/ciaranlee",
                        "extracted_on": "2015-07-29",
                        "last_seen_on": "2017-07-01",
                        "still_on_page": True,
                    },
                    {
                        "domain": "blog.intercom.com",
                        "uri": "http://blog.intercom.com/were-hiring-a-support-engineer/",
                        "extracted_on": "2015-08-29",
                        "last_seen_on": "2017-07-01",
                        "still_on_page": True,
                    },
                ],
                "first_name": "Ciaran",
                "last_name": "Lee",
                "position": "Support Engineer",
                "position_raw": "Support Engineer",
                "seniority": "senior",
                "department": "it",
                "linkedin": None,
                "twitter": "ciaran_lee",
                "phone_number": None,
                "verification": {"date": "2019-12-06", "status": "valid"},
            }
        ],
        "linked_domains": [],
    },
    "meta": {
        "results": 35,
        "limit": 10,
        "offset": 0,
        "params": {"domain": "intercom.com", "company": None, "type": None, "seniority": None, "department": None},
    },
}  # fmt: skip

EMAIL_FINDER = {
    "data": {
        "first_name": "Alexis",
        "last_name": "Ohanian",
        "email": "alexis@reddit.com",
        "score": 97,
        "domain": "reddit.com",
        "accept_all": False,
        "position": "Cofounder",
        "twitter": None,
        "linkedin_url": None,
        "phone_number": None,
        "company": "Reddit",
        "sources": [
            {
                "domain": "redditblog.com",
                "uri": (
                    "http://redditblog.com/2008/10/22/"
                    "widgets-get-an-upgrade-and-a-firefox-extension-that-will-rock-your-world"
                ),
                "extracted_on": "2018-10-19",
                "last_seen_on": "2021-05-18",
                "still_on_page": True,
            },
        ],
        "verification": {"date": "2021-06-14", "status": "valid"},
    },
    "meta": {
        "params": {
            "first_name": "Alexis",
            "last_name": "Ohanian",
            "full_name": None,
            "domain": "reddit.com",
            "company": None,
            "max_duration": None,
        },
    },
}

EMAIL_VERIFIER = {
    "data": {
        "status": "valid",
        "result": "deliverable",
        "_deprecation_notice": "Using result is deprecated, use status instead",
        "score": 100,
        "email": "patrick@stripe.com",
        "regexp": True,
        "gibberish": False,
        "disposable": False,
        "webmail": False,
        "mx_records": True,
        "smtp_server": True,
        "smtp_check": True,
        "accept_all": False,
        "block": False,
        "sources": [
            {
                "domain": "beta.paganresearch.io",
                "uri": "http://beta.paganresearch.io/details/stripe",
                "extracted_on": "2020-06-17",
                "last_seen_on": "2020-06-17",
                "still_on_page": True,
            },
            {
                "domain": "icloudnewz.blogspot.com",
                "uri": "http://icloudnewz.blogspot.com/2017/11/follow-patrick-collison-mike-birbiglia.html",
                "extracted_on": "2020-03-25",
                "last_seen_on": "2020-06-29",
                "still_on_page": True,
            },
        ],
    },
    "meta": {"params": {"email": "patrick@stripe.com"}},
}
